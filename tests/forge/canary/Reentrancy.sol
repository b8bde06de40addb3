// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Must be FOUND by slither: the oldest of all holes.
contract CanaryPurse {
    mapping(address => uint256) public balanceOf;

    function deposit() external payable {
        balanceOf[msg.sender] += msg.value;
    }

    function withdraw() external {
        (bool good,) = msg.sender.call{value: balanceOf[msg.sender]}("");
        require(good);
        balanceOf[msg.sender] = 0;
    }
}
