// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IOfferScheduler} from "../interfaces/IOfferScheduler.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {Candidate, Draw, JobTerms, Offer} from "../types/JobTypes.sol";

/// @title OfferScheduler, as IOfferScheduler says
/// @notice An offer is standing, not one-shot: it serves as often as the worker's capacity, stake and daily lock cap let it.
contract OfferScheduler is IOfferScheduler, EIP712 {
    /// @inheritdoc IScheduler
    address public immutable BOARD;
    /// @inheritdoc IScheduler
    bool public constant DRAWS = false;
    /// @inheritdoc IOfferScheduler
    uint40 public constant MAX_OFFER_LIFE = 3600;

    bytes32 private constant OFFER_TYPEHASH = keccak256(
        "Offer(bytes32 hardwareClass,address payToken,uint128 minPrice,uint32 maxWall,uint128 maxStake,uint40 expiry,"
        "uint64 epoch)"
    );

    address private immutable VAULT;
    address private immutable REGISTRY;

    /// @inheritdoc IOfferScheduler
    mapping(address worker => uint64) public epochOf;

    /// @dev Why an offer does not serve the terms.
    enum Flaw {
        None,
        Expired,
        TooLong,
        Cancelled,
        Unsuited,
        NotAllowed
    }

    constructor(address board) EIP712("tensorgrid offers", "1") {
        BOARD = board;
        VAULT = IJobBoard(board).VAULT();
        REGISTRY = IJobBoard(board).REGISTRY();
    }

    /// @inheritdoc IOfferScheduler
    function raiseEpoch() external returns (uint64 epoch) {
        epoch = ++epochOf[msg.sender];
        emit EpochRaised(msg.sender, epoch);
    }

    // ---- what the board asks

    /// @inheritdoc IScheduler
    function quote(JobTerms calldata, Draw calldata, Candidate calldata, uint40) external pure returns (bool, uint128) {
        return (false, 0);
    }

    /// @inheritdoc IOfferScheduler
    function choose(JobTerms calldata terms, Offer[] calldata offers, address[] calldata workers)
        external
        view
        returns (address worker, uint128 price)
    {
        if (offers.length == 1) return (_only(terms, offers[0], workers), offers[0].minPrice);
        for (uint256 i = 0; i < offers.length; ++i) {
            Offer calldata offer = offers[i];
            ECDSA.RecoverError broken;
            (worker, broken,) = ECDSA.tryRecover(offerDigest(terms, offer), offer.signature.r, offer.signature.vs);
            if (broken != ECDSA.RecoverError.NoError) continue;
            if (_flaw(terms, offer, worker, workers) == Flaw.None && _couldTake(terms, worker)) {
                return (worker, offer.minPrice);
            }
        }
        revert NoLiveOffer(offers.length);
    }

    /// @inheritdoc IOfferScheduler
    function offerDigest(JobTerms calldata terms, Offer calldata offer) public view returns (bytes32) {
        bytes32 typehash = OFFER_TYPEHASH;
        bytes32 hardwareClass = terms.hardwareClass;
        address payToken = terms.payToken;
        bytes32 structHash;
        // The offer's own fields are hashed as they lie. Bits that do not belong to a field make another hash, and `_flaw`,
        // which reads every field, refuses them.
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typehash)
            mstore(add(free, 32), hardwareClass)
            mstore(add(free, 64), payToken)
            calldatacopy(add(free, 96), offer, 160)
            structHash := keccak256(free, 256)
        }
        return _hashTypedDataV4(structHash);
    }

    // ---- one offer

    /// @dev The only offer is not asked whether its worker could take: the board is about to, and says why not.
    function _only(JobTerms calldata terms, Offer calldata offer, address[] calldata workers)
        private
        view
        returns (address worker)
    {
        worker = ECDSA.recover(offerDigest(terms, offer), offer.signature.r, offer.signature.vs);
        Flaw flaw = _flaw(terms, offer, worker, workers);
        if (flaw != Flaw.None) _refuse(flaw, offer, worker);
    }

    function _refuse(Flaw flaw, Offer calldata offer, address worker) private view {
        require(flaw != Flaw.Expired, OfferExpired(worker, offer.expiry));
        require(flaw != Flaw.TooLong, OfferTooLong(worker, offer.expiry));
        require(flaw != Flaw.Cancelled, OfferCancelled(worker, offer.epoch, epochOf[worker]));
        require(flaw != Flaw.Unsuited, OfferUnsuited(worker));
        require(flaw != Flaw.NotAllowed, WorkerNotAllowed(worker));
    }

    function _flaw(JobTerms calldata terms, Offer calldata offer, address worker, address[] calldata workers)
        private
        view
        returns (Flaw)
    {
        if (block.timestamp > offer.expiry) return Flaw.Expired;
        // INVARIANT: what a hot key signs is dead an hour after it was stolen and found out.
        if (offer.expiry > block.timestamp + MAX_OFFER_LIFE) return Flaw.TooLong;
        // INVARIANT: one call cancels everything, offers signed for a later epoch too: they are not live yet.
        if (offer.epoch != epochOf[worker]) return Flaw.Cancelled;
        bool suited = offer.minPrice <= terms.price && terms.workTime <= offer.maxWall && terms.stake <= offer.maxStake;
        if (!suited) return Flaw.Unsuited;
        return workers.length == 0 || _isIn(workers, worker) ? Flaw.None : Flaw.NotAllowed;
    }

    function _isIn(address[] calldata workers, address worker) private pure returns (bool) {
        for (uint256 i = 0; i < workers.length; ++i) {
            if (workers[i] == worker) return true;
        }
        return false;
    }

    /// @dev What the board will check of the worker it is about to seat, so that a fallback is tried before it is too late.
    function _couldTake(JobTerms calldata terms, address worker) private view returns (bool) {
        (address provider,, uint40 since, uint16 capacity, bytes5 classTag) = IWorkerRegistry(REGISTRY).standing(worker);
        if (provider == address(0) || classTag != bytes5(terms.hardwareClass)) return false;
        if (worker == terms.requester || provider == terms.requester) return false;
        IStakeVault.Allocation memory stake = IStakeVault(VAULT).allocationOf(provider, worker, BOARD);
        // Nobody is seated in the block that he came in.
        if (since >= block.timestamp || stake.since >= block.timestamp || stake.locks >= capacity) return false;
        return IStakeVault(VAULT).lockable(provider, worker, BOARD) >= terms.stake;
    }
}
