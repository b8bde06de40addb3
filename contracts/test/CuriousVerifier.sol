// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVerifier} from "../interfaces/IVerifier.sol";
import {JobTerms} from "../types/JobTypes.sol";

/// @title CuriousVerifier
/// @notice Test double: answers by what it sees of the one job that it is asked about, which no verifier may do.
contract CuriousVerifier {
    address public immutable BOARD;

    constructor(address board) {
        BOARD = board;
    }

    function needs(JobTerms calldata terms) external pure returns (IVerifier.Needs memory wanted) {
        uint256 seen = uint160(terms.requester) | terms.nonce | uint256(terms.specDigest) | terms.price | terms.reserve
            | terms.bounty | terms.takeBy;
        wanted.silent = seen != 0;
    }
}
